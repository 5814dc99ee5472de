"""The trust checks by name: what each one tests, what a failure means, and what to do."""

from typing import Literal, NamedTuple

State = Literal["pass", "fail", "not run", "not applicable"]


class Check(NamedTuple):
    """The outcome of one check; ``evidence`` says what was measured, in one sentence."""

    name: str
    state: State
    evidence: str


class Text(NamedTuple):
    """What a check tests, what a failure means, and what to do then."""

    title: str
    meaning: str
    advice: str


TEXTS = {
    "randomised_predictions": Text(
        "The model gives the same answer every time",
        "Answers to one image differ, so one answer shows neither success nor failure.",
        "Attack and judge the average over many answers, as this audit does.",
    ),
    "softmax_outputs": Text(
        "The outputs are logits",
        "Where the model is confident, probabilities round to 0 and 1 and their gradient vanishes.",
        "Pass the model without its final softmax.",
    ),
    "zero_gradients": Text(
        "The gradient is nonzero at every image",
        "A gradient-based attack cannot move without a gradient, so its failure proves nothing.",
        "Look for rounding, thresholds, detach(), inference_mode() or computation outside torch, "
        "and attack the model without it.",
    ),
    "wrong_gradients": Text(
        "A small step changes the output as the gradient predicts",
        "The gradient misleads attacks: the failure of attacks that follow it proves nothing.",
        "Look for a custom backward pass or hook, or for discontinuous activations; use a "
        "score-based attack.",
    ),
    "saturated_loss": Text(
        "The cross entropy has a gradient",
        "The logits are so far apart that the cross entropy is flat: attacks on it cannot move.",
        "Trust only attacks on the margin or the DLR loss; the suites include them.",
    ),
    "better_gradient": Text(
        "No other gradient leads further than the model's own",
        "A substitute gradient fools the model better than its own, which is masked.",
        "Attack with the better gradient, as this audit does.",
    ),
    "no_better_than_guessing": Text(
        "Clean accuracy is above guessing",
        "Before any attack the model may be guessing: labels, class order or preprocessing may "
        "be wrong.",
        "Run advkit inspect, which tries other preprocessing and class orders; use more images.",
    ),
    "noise_beats_attack": Text(
        "Attacks beat random noise",
        "Random noise fools images that the attack could not: the attack is broken.",
        "Do not use this number until the attacks beat noise.",
    ),
    "one_step_beats_many": Text(
        "Many steps beat one",
        "One step along the gradient fools images that many do not: the attack loses its way.",
        "Look for masked gradients, or for too large a step size.",
    ),
    "not_monotone": Text(
        "A larger eps never fools fewer images",
        "The larger ball contains the smaller one, so an attack that does worse in it is broken.",
        "Give attacks more steps, or look for masked gradients.",
    ),
    "unbounded_fails": Text(
        "Without a limit every image can be fooled",
        "The attack fails even when it may change the image without limit: it is broken.",
        "Do not use this number until an unlimited attack reaches 0%.",
    ),
    "more_steps_help": Text(
        "A stronger attack changes nothing",
        "A longer attack fools images that survived the suite: the suite stopped too early.",
        "Run again with a stronger --suite.",
    ),
    "still_climbing": Text(
        "Attacks have converged when they end",
        "The margin of surviving images was still rising when the attack ended.",
        "Run again with a stronger --suite or more steps.",
    ),
    "black_box_wins": Text(
        "Black-box attacks do no better",
        "A black-box attack fools images that white-box attacks could not.",
        "Look for masked gradients; trust the score-based attack instead.",
    ),
    "transfer_wins": Text(
        "Examples transferred from a surrogate do no better",
        "Examples made for a surrogate fool this model where direct attacks failed.",
        "Look for masked gradients; add more --surrogate models.",
    ),
    "silent_success": Text(
        "Attacks return the successes they find",
        "An attack found a fooling point but returned another: its failures prove nothing.",
        "Have the attack return the best point that it evaluated.",
    ),
    "invalid_examples": Text(
        "Every example is valid",
        "An example left the eps ball or the box, or the model gave NaN: it does not count.",
        "Look at the attack named, and at the model's output there.",
    ),
}
