"""Every error code of advkit, and what to know of it: `advkit explain-error`, docs/errors.md."""

from typing import NamedTuple


class About(NamedTuple):
    """What a code means, what usually causes it, and what to do."""

    title: str
    cause: str
    remedy: str


CODES = {
    "E070": About(
        "A bug in advkit, or in code of yours that advkit ran",
        "Something failed that advkit did not foresee. Nothing that was finished is lost.",
        "Run the same again as `advkit -vv ...` to see where it came from. If the last lines are "
        "in your own file, mend it there; otherwise report them with the output of the command.",
    ),
    "E100": About(
        "A gate was not passed: --fail-under or --require",
        "The lower end of the 95% interval is below what was asked for. The run itself is fine, "
        "its report is written.",
        "Look at the report. If the measured share is above the gate and only its interval is "
        "not, more images make the interval narrower; otherwise the model is not robust enough.",
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
        "The request is not possible",
        "The command was given options that it cannot follow.",
        "The message repeats the option. `advkit COMMAND --help` tells what may be given.",
    ),
    "E201": About(
        "Unknown command",
        "A slip in the name of the command.",
        "Take the name in the hint, or see `advkit --help`.",
    ),
    "E202": About(
        "Unknown option, or an argument too many",
        "A slip in the name of an option, or the option of another command.",
        "Take the name in the hint, or see `advkit COMMAND --help`.",
    ),
    "E203": About(
        "A value that an option does not take",
        "The value is out of range, of another kind, or no member of a fixed list. It may also "
        "come from an environment variable ADVKIT_<COMMAND>_<OPTION> or from a config file.",
        "`advkit COMMAND --help` tells what is taken; `--print-config` tells where each value "
        "comes from.",
    ),
    "E204": About(
        "A value is missing",
        "An argument or an option without a default was left out.",
        "Give it; the usage line above the error tells its place.",
    ),
    "E205": About(
        "An unknown name",
        "There is no attack, model, data set, method, layer or class of this name; mostly a slip.",
        "Take the name in the hint. `advkit ls attacks|models|data|methods` lists them, "
        "`advkit inspect MODEL --layers` the layers of a model.",
    ),
    "E206": About(
        "A spec that cannot be read",
        "A model or data spec is `scheme:ref?key=value&key=value`, and an attack is "
        "`name:key=value,key=value`; this one is not, or an option in it has a wrong value.",
        "Quote the spec: the shell takes `?`, `&` and `*` for itself. `advkit ls models`, "
        "`advkit ls data` and `advkit show attack NAME` tell the forms.",
    ),
    "E207": About(
        "Options that do not go together",
        "Two options contradict each other, or one has no use without another.",
        "Leave one out, or add the one that the hint names.",
    ),
    "E208": About(
        "An eps that is no radius",
        "eps is NaN, infinite or negative, or it is so large that it was meant in 255ths: "
        "pixels are in [0, 1], so 8 would be eight times the whole range.",
        "Write 8/255 or 0.03; several with commas between; 40dB for sound.",
    ),
    "E209": About(
        "A config file that cannot be used",
        "The file is no TOML, or it has a key that no option has, or a value of another kind.",
        "The keys are the long names of the options. `advkit COMMAND --print-config` prints all "
        "of them with their values, in this form.",
    ),
    "E210": About(
        "A norm that the attack or the method does not have",
        "Each attack is made for some norms.",
        "`advkit ls attacks --norm L2` lists the attacks that have a norm.",
    ),
    "E300": About(
        "An input cannot be used as it is",
        "The model, the data, the labels or a file is not what advkit can work with.",
        "The message tells what was found and the hint what would do.",
    ),
    "E301": About(
        "A file or directory is not there",
        "A slip in the path, or a path from another working directory.",
        "Take one of the names in the hint; relative paths begin at the working directory.",
    ),
    "E302": About(
        "A file is damaged, or not what its name says",
        "It is empty or truncated, an error page or a Git LFS pointer was saved in its place, or "
        "a download broke off.",
        "Get or write the file again; for a Git LFS pointer run `git lfs pull`.",
    ),
    "E303": About(
        "The weights do not fit the net",
        "The weights belong to another architecture, width or number of classes.",
        "Name the net that was trained with --arch. The message lists the first tensors that are "
        "missing, left over or of another shape.",
    ),
    "E304": About(
        "Your own code failed or gave something else than a model",
        "A module cannot be imported, has no such name, raised an error, or returned no "
        "torch.nn.Module, function or scikit-learn estimator.",
        "The message ends with the line of your file. Run it alone with Python to mend it.",
    ),
    "E305": About(
        "The model and the images do not fit",
        "The model takes other channels, another size or another layout.",
        "Resize the images in the spec of the data (`?size=224`), or take a net for these images.",
    ),
    "E306": About(
        "The model's answer is not logits",
        "It is a tuple or a dictionary, of another shape than (n, classes), or holds NaN or "
        "infinity.",
        "Return the logits alone; the hint tells the layer in which NaN begins.",
    ),
    "E307": About(
        "The labels or class names cannot be used",
        "Labels are whole numbers from 0, one per image, each with a class of the model.",
        "Save them as integers; -1 and -100 are not taken for 'ignore': leave such images out.",
    ),
    "E308": About(
        "The pixels are not in the range that they should be",
        "Images are 0 to 255, or were normalised before: then eps means nothing.",
        "Give pixels in [0, 1], or uint8; the normalisation belongs into the model.",
    ),
    "E309": About(
        "An image or recording cannot be read",
        "The file is truncated, corrupt, far too large, or of an unknown format.",
        "Mend, remove or shrink the file that the message names.",
    ),
    "E310": About(
        "The device is not there",
        "This machine, or this build of torch, has no such device.",
        "The hint lists what is available; `--device auto` takes the best.",
    ),
    "E311": About(
        "The place for results cannot be used",
        "--out or --output is a file, is read-only, holds other files, or its directory is not "
        "there. Nothing in it was changed.",
        "Give a new or an empty directory.",
    ),
    "E312": About(
        "The run in --out was made with something else",
        "Model, data, options or versions differ from those that the run was begun with. Nothing "
        "in it was changed.",
        "Give another --out; or --fresh to discard the old run.",
    ),
    "E313": About(
        "A run directory cannot be read",
        "It is no run, has not ended, is damaged, locked by another process, or written by a "
        "newer advkit.",
        "The hint says which; an unfinished run resumes with its own command.",
    ),
    "E314": About(
        "Runs or models that cannot be compared",
        "They are of different images, norms or classes.",
        "Run both on the same; the message tells what differs.",
    ),
    "E315": About(
        "An optional package is not installed",
        "The model or the data needs a package that advkit does not bring along.",
        "Install the extra that the hint names.",
    ),
    "E316": About(
        "The method says nothing of this model or image",
        "Some methods need a convolution, a ReLU, or a gradient that is not zero.",
        "Take another method: `advkit ls methods`.",
    ),
    "E318": About(
        "Something would have to be downloaded, and cannot be",
        "There is no network, or no copy in the cache, or downloads were not asked for.",
        "Put the file where the hint says, or run once where there is a network.",
    ),
    "E400": About(
        "Refused: the file could run code",
        "Pickles (.pt, .pth, .pkl, .joblib), TorchScript, .pt2 and archives with paths that leave "
        "their directory can run code or overwrite files. It was not opened.",
        "Save the weights alone as safetensors. Look at the file's origin before anything else.",
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
        "The batch, the net or the results are too large for what is free. What was finished is "
        "safe.",
        "Give a smaller --batch-size, or --out on another disk; the same command resumes.",
    ),
}  # fmt: skip
