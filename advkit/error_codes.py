"""Every error code of advkit, with cause and remedy: `advkit explain-error`, docs/errors.md."""

from typing import NamedTuple


class About(NamedTuple):
    """What a code means, what usually causes it, and what to do."""

    title: str
    cause: str
    remedy: str


CODES = {
    "E070": About(
        "A bug in advkit, or in your own code that advkit ran",
        "An unexpected error. Nothing that was finished is lost.",
        "Run the same command as `advkit -vv ...` to see the traceback. If its last lines are in "
        "your own file, fix them there; otherwise report them with the output of the command.",
    ),
    "E100": About(
        "A gate was not passed: --fail-under or --require",
        "The lower end of the 95% interval is below the required value. The run itself is fine, "
        "and its report is written.",
        "Look at the report. If the measured share is above the gate but its interval is not, "
        "more images make the interval narrower; otherwise the model is not robust enough.",
    ),
    "E129": About(
        "Stopped because its terminal was closed (SIGHUP)",
        "The window or the connection in which the command ran was closed.",
        "Run `advkit resume`: it resumes the newest unfinished run. To let a command outlive its "
        "terminal, start it with `nohup`, or in tmux or screen.",
    ),
    "E130": About(
        "Stopped by Ctrl-C",
        "Somebody pressed Ctrl-C, or the terminal sent SIGINT.",
        "Run the command that the message names: it resumes the run.",
    ),
    "E143": About(
        "Stopped by SIGTERM",
        "The system, a scheduler or a time limit ended the process.",
        "Run the command that the message names: it resumes the run.",
    ),
    "E200": About(
        "The request cannot be carried out",
        "The options of the command cannot be satisfied.",
        "The message repeats the option. `advkit COMMAND --help` lists the valid values.",
    ),
    "E201": About(
        "Unknown command",
        "The name of the command is misspelt.",
        "Use the name in the hint, or see `advkit --help`.",
    ),
    "E202": About(
        "Unknown option, or too many arguments",
        "The name of an option is misspelt, or the option belongs to another command.",
        "Use the name in the hint, or see `advkit COMMAND --help`.",
    ),
    "E203": About(
        "A value that an option does not accept",
        "The value is out of range, of the wrong type, or not in a fixed list. It may also "
        "come from an environment variable ADVKIT_<COMMAND>_<OPTION> or from a config file.",
        "`advkit COMMAND --help` lists what is accepted; `--print-config` shows where each value "
        "comes from.",
    ),
    "E204": About(
        "A value is missing",
        "An argument or an option without a default was left out.",
        "Give it; the usage line above the error shows its place.",
    ),
    "E205": About(
        "An unknown name",
        "There is no attack, model, data set, method, layer or class of this name; usually it is "
        "misspelt.",
        "Use the name in the hint. `advkit ls attacks|models|data|methods` lists them, "
        "`advkit inspect MODEL --layers` the layers of a model.",
    ),
    "E206": About(
        "A spec that cannot be read",
        "A model or data spec is `scheme:ref?key=value&key=value`, and an attack is "
        "`name:key=value,key=value`; this one is not, or an option in it has a wrong value.",
        "Quote the spec, because the shell interprets `?`, `&` and `*`. `advkit ls models`, "
        "`advkit ls data` and `advkit show attack NAME` show the forms.",
    ),
    "E207": About(
        "Options that do not go together",
        "Two options contradict each other, or one has no effect without another.",
        "Leave one out, or add the one that the hint names.",
    ),
    "E208": About(
        "An eps that is not a valid radius",
        "eps is NaN, infinite or negative, or so large that it must have been meant in 255ths: "
        "pixels are in [0, 1], so 8 would be eight times the whole range.",
        "Write 8/255 or 0.03; separate several by commas; for sound, 40dB.",
    ),
    "E209": About(
        "A config file that cannot be used",
        "The file is not TOML, or it has a key that is not an option, or a value of the wrong "
        "type.",
        "The keys are the long names of the options. `advkit COMMAND --print-config` prints all "
        "of them with their values, in this form.",
    ),
    "E210": About(
        "A norm that the attack or the method does not support",
        "Each attack supports certain norms.",
        "`advkit ls attacks --norm L2` lists the attacks that support a norm.",
    ),
    "E300": About(
        "An input cannot be used as it is",
        "The model, the data, the labels or a file is in a form that advkit cannot use.",
        "The message says what was found, and the hint what would work.",
    ),
    "E301": About(
        "A file or directory does not exist",
        "The path is misspelt, or relative to another working directory.",
        "Use one of the names in the hint; paths are relative to the working directory.",
    ),
    "E302": About(
        "A file is damaged, or not what its name says",
        "It is empty or truncated, an error page or a Git LFS pointer was saved in its place, or "
        "a download was interrupted.",
        "Download or write the file again; for a Git LFS pointer run `git lfs pull`.",
    ),
    "E303": About(
        "The weights do not match the net",
        "The weights belong to another architecture, width or number of classes.",
        "Use --arch to name the net that was trained. The message lists the first tensors that are "
        "missing, unexpected or of another shape.",
    ),
    "E304": About(
        "Your own code failed, or did not return a model",
        "A module cannot be imported, lacks the name, raised an error, or did not return a "
        "torch.nn.Module, function or scikit-learn estimator.",
        "The message ends with the line of your file. Run it alone with Python to fix it.",
    ),
    "E305": About(
        "The model and the images do not match",
        "The model expects other channels, another size or another layout.",
        "Resize the images in the spec of the data (`?size=224`), or use a net for these images.",
    ),
    "E306": About(
        "The model's output is not logits",
        "It is a tuple or a dictionary, has a shape other than (n, classes), or contains NaN or "
        "infinity.",
        "Return only the logits; the hint names the layer where NaN first appears.",
    ),
    "E307": About(
        "The labels or class names cannot be used",
        "Labels must be integers from 0, one per image, each a class of the model.",
        "Save them as integers; -1 and -100 do not mean 'ignore': leave such images out.",
    ),
    "E308": About(
        "The pixels are not in the expected range",
        "The images range from 0 to 255, or are already normalised: then eps is meaningless.",
        "Give pixels in [0, 1], or uint8; the normalisation belongs in the model.",
    ),
    "E309": About(
        "An image or recording cannot be read",
        "The file is truncated, corrupt, far too large, or of an unknown format.",
        "Repair, remove or shrink the file that the message names.",
    ),
    "E310": About(
        "The device is not available",
        "This machine, or this build of torch, has no such device.",
        "The hint lists what is available; `--device auto` chooses the best.",
    ),
    "E311": About(
        "The output path cannot be used",
        "--out or --output is a file, is read-only, contains other files, or its directory does "
        "not exist. Nothing in it was changed.",
        "Give a new or empty directory.",
    ),
    "E312": About(
        "The run in --out was made with something else",
        "Model, data, options or versions differ from those that the run was started with. Nothing "
        "in it was changed.",
        "Give another --out; or --fresh to discard the old run.",
    ),
    "E313": About(
        "A run directory cannot be read",
        "It is not a run, has not ended, is damaged, locked by another process, or written by a "
        "newer advkit.",
        "The hint says which; an unfinished run resumes with its own command.",
    ),
    "E314": About(
        "Runs or models that cannot be compared",
        "They are of different images, norms or classes.",
        "Run both on the same; the message says what differs.",
    ),
    "E315": About(
        "An optional package is not installed, or is broken",
        "The model or the data needs a package that does not come with advkit.",
        "Install the extra that the hint names.",
    ),
    "E316": About(
        "The method does not apply to this model or image",
        "Some methods need a convolution, a ReLU, or a gradient that is not zero.",
        "Use another method: `advkit ls methods`.",
    ),
    "E318": About(
        "A download is needed but not possible",
        "There is no copy in the cache, and there is no network or downloads were not allowed.",
        "Put the file where the hint says, or run once with network access.",
    ),
    "E400": About(
        "Refused: the file could run code",
        "Pickles (.pt, .pth, .pkl, .joblib), TorchScript, .pt2 and archives with paths that leave "
        "their directory can run code or overwrite files. It was not opened.",
        "First check where the file comes from. Save the weights alone as safetensors.",
    ),
    "E500": About(
        "There is nothing to evaluate",
        "There are no images (--limit 0, an empty directory), or the model classifies none of them "
        "correctly, so that none is left to attack.",
        "Check the path; then the preprocessing and the class order.",
    ),
    "E600": About(
        "The number cannot be trusted, and --strict was given",
        "One of the checks of an audit failed: the gradient is masked, the model's outputs are "
        "random, or an attack was stopped too early. The report is written.",
        "Read the trust checks in the report: each says what to do.",
    ),
    "E700": About(
        "Out of memory or disk",
        "The batch, the net or the results are too large for the free memory or disk space. What "
        "was finished is safe.",
        "Give a smaller --batch-size, or --out on another disk; the same command resumes.",
    ),
}  # fmt: skip
