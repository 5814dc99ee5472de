"""Restarts of any attack with other seeds, on the samples that are not fooled yet."""

from torch import Tensor

from advkit.attacks.higher_order import Call, alone, attack_from, face_of, in_turn, text_of
from advkit.attacks.options import Attack
from advkit.engine.seeding import reseeded


def restarted(attack: Attack, restarts: int = 5) -> Attack:
    """Return the attack that runs ``attack`` up to ``restarts`` times, each time with a new seed.

    With a fixed budget only the samples that are not fooled yet are attacked again, and the point
    of highest margin is kept; a minimum-norm attack is run again where no point within ``eps`` was
    found (always, with ``eps=None``), and the nearest is kept. The first run is ``attack`` itself.
    A sample that is never fooled costs ``restarts`` times the cost of the attack plus a forward
    pass.
    """
    face = alone(face_of(attack), "restarted")
    name, (forward, backward) = face.card.name, face.cost

    def again(part: Call, _index: Tensor, number: int) -> Tensor:
        return part._replace(seed=reseeded(part.seed, number)).run(attack)

    def body(call: Call) -> Tensor:
        return in_turn(call, again, restarts, minimum_norm=face.card.minimum_norm)

    return attack_from(
        body,
        face,
        name=f"restarted({name})",
        minimum_norm=face.card.minimum_norm,
        text=text_of(
            f"Return the best of {restarts} runs of {name}, each with its own seed.",
            "Samples that are fooled (minimum norm: within eps) are not attacked again.",
            face,
            (f"{restarts} * ({forward} + 1)", f"{restarts} * ({backward})"),
            use="where results depend on chance, at the cost of more passes.",
            fails="where the attack is deterministic: the result is the same.",
        ),
    )
