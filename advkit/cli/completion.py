"""`advkit completion`: shell completion of commands, options and names."""

import click

from advkit.cli.failures import say

EPILOG = """
\b
Examples:
  eval "$(advkit completion bash)"
      for this shell; add it to ~/.bashrc for all shells
  eval "$(advkit completion zsh)"
  advkit completion fish > ~/.config/fish/completions/advkit.fish
"""

WHOLE_SPECS = {"bash": 'COMP_WORDBREAKS="${COMP_WORDBREAKS//:}"  # bundled:NAME is one word\n'}
# click's scripts for the other two lose the --option= before the completed value, and that for fish
# loses the text after a comma.
ZSH = {
    "    for type key descr in": "    [[ $PREFIX == --*=* ]] && compset -P '*='\n"
    "    for type key descr in",
    "compadd -U -V": "compadd -V",
}
FISH = """\
function _advkit_completion;
    set -l response (env _ADVKIT_COMPLETE=fish_complete COMP_WORDS=(commandline -cp) \\
        COMP_CWORD=(commandline -t) advkit);
    set -l before (string match -r -- "^--[^=]*=" (commandline -t)); or set before "";
    for completion in $response;
        set -l found (string split -m 1 "," $completion);
        switch $found[1];
            case dir;
                printf "%s\\n" $before(__fish_complete_directories $found[2]);
            case file;
                printf "%s\\n" $before(__fish_complete_path $found[2]);
            case plain;
                echo $before$found[2];
        end;
    end;
end;

complete --no-files --command advkit --arguments "(_advkit_completion)";
"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell.

    It completes commands, options, files, attacks, models, data and methods.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101
    group = click.get_current_context().find_root().command
    # Not source(): it queries the installed bash, which may not be the one that reads the script.
    made = kind(group, {}, "advkit", "_ADVKIT_COMPLETE")
    script = made.source_template % made.source_vars()
    if shell == "zsh":
        for theirs, ours in ZSH.items():
            script = script.replace(theirs, ours)
    say(FISH if shell == "fish" else WHOLE_SPECS.get(shell, "") + script)
