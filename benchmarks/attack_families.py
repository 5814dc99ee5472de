"""Families of attacks: one page of the manual each."""

from typing import NamedTuple


class Family(NamedTuple):
    """One page: text on the family, and the names of its attacks."""

    title: str
    about: str
    names: tuple[str, ...]


FAMILIES = {
    "fixed-budget": Family(
        "Fixed budget",
        "These attacks stay within a given radius `eps` and look for the point of highest margin. "
        "They answer whether a model is robust at one eps; [minimum-norm attacks]"
        "(minimum-norm.md) answer at which eps it stops being so. Most have a choice of losses: "
        "`margin` is the difference of logits itself, `ce` the cross entropy, `dlr` does not "
        "depend on the scale of the logits, and `probability` rises with the difference of "
        "probabilities but never saturates.",
        ("fgsm", "bim", "pgd", "coarse_pgd", "mifgsm", "apgd", "apgd_targeted", "md", "pma"),
    ),
    "transfer": Family(
        "Transfer: examples for other nets",
        "These attacks make examples on a surrogate that should fool other nets ([the "
        "study](../transfer.md)). All of them make every step, even after a sample fools the "
        "surrogate, and return the last iterate. Names joined by + combine methods, with the "
        "options of all: `mifgsm+dim+tim:steps=20,sigma=2`; `bim` in place of `mifgsm` leaves out "
        "the momentum. `fgsm`, and `bim`, `pgd` and `mifgsm` with `stop=false`, are the baselines.",
        (
            "nifgsm",
            "vmifgsm",
            "pifgsm",
            "pgn",
            "dim",
            "tim",
            "sim",
            "admix",
            "bsr",
            "ila",
            "ens",
            "svre",
        ),
    ),
    "minimum-norm": Family(
        "Minimum norm",
        "These attacks look for the nearest adversarial example, however far it is. One run "
        "answers for every `eps` at once: an image survives every `eps` that is smaller than its "
        "distance. Given an `eps` they stop as soon as a point within it fools.",
        (
            "linear",
            "race",
            "fmn",
            "ddn",
            "fab",
            "deepfool",
            "superdeepfool",
            "pdpgd",
            "pdgd",
            "alma",
            "cw",
            "ead",
            "lbfgs",
            "distortion",
        ),
    ),
    "sparse": Family(
        "Few entries (L0)",
        "These attacks change as few entries as possible, by any amount. L0 counts entries; with "
        "`unit=pixels` all channels of a pixel change together, but every entry still counts.",
        ("thinning", "sigma_zero", "vfga", "jsma", "one_pixel", "sparse_rs"),
    ),
    "score-based": Family(
        "Black box: scores",
        "These attacks query logits and use no gradient, so they work on any function from images "
        "to logits. Use them as a check on gradients: where one of them fools an image that no "
        "white-box attack does, the gradients of that model mislead.",
        ("square", "simba", "nes", "spsa", "zoo"),
    ),
    "decision-based": Family(
        "Black box: decisions",
        "These attacks see only the predicted class, so they work on any function from images to "
        "logits or to labels. They start from a point that is classified as something else and "
        "follow the decision boundary towards the original.",
        ("hopskipjump", "geoda", "boundary", "pointwise"),
    ),
    "spatial-and-common": Family(
        "Rotation, blur, noise: sanity baselines",
        "What happens to photographs without an adversary. Each is a family of images of growing "
        "severity; the nearest member that fools is found with forward passes alone. A model that "
        "these fool needs no attack.",
        ("noise", "gaussian_blur", "contrast", "salt_and_pepper", "rotation_translation"),
    ),
    "universal-and-patch": Family(
        "One for all: universal perturbations and patches",
        "These attacks learn one perturbation from all samples, so that every result depends on "
        "the set: they run in `advkit attack`, not in an audit. `learn_universal` and "
        "`learn_patch` in `advkit.attacks.one_for_all` and `advkit.attacks.printed_patch` learn on "
        "one set a perturbation that can then be tried on another.",
        ("universal", "patch"),
    ),
}
