"""One repetition of a fingerprinting train for neighbouring atoms, written straight into machine code (LLVM).

States are in the frame of the pulse's phase, P = F₊ and Q = F₋* (see physim.mri.graph). For every order

    y = (P − Q) / 2i,  d = (cos α − 1) y + sin α Z
    P ← W (P + i d),  Q ← W* (Q − i d),  Z ← E₁ (cos α Z − sin α y)

with W = E₂ exp(iθ), θ the step of the phase from pulse to pulse less what off-resonance turns. Without θ (pulses of phase 0
or π on resonance) P = i p, Q = −i q and Z are of one real number each, and seven operations do instead of 22. Nothing is
moved to wind up: P begins one place lower in its memory for the next pulse, Q one higher. Derivatives in T1 and T2 go along.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
from numba import types
from numba.extending import intrinsic

from .vectors import I64, WIDTH, Block

# Rows of factors, one number per atom each: D1 is d ln E₁ / dT1, D2 d ln E₂ / dT2, and ECHO is for P₀ from pulse to echo.
E1, E2, SINE, VERSINE, ECHO, D1, D2, ECHO_D2, COSINE_W, SINE_W, COSINE_ECHO, SINE_ECHO = range(12)
FACTORS = 12


class Atoms(Block):
    """Arithmetic on a vector of atoms, and rows of such vectors in memory."""

    def __init__(self, builder, element, width: int, bytes_each: int):
        super().__init__(builder, element, width)
        self.row = bytes_each * width

    def at(self, address, index):
        """The address of row `index` behind an address."""
        return self.builder.add(address, self.builder.mul(index, I64(self.row)))

    def factor(self, factors, row: int):
        """One row of the factors."""
        return self.load(self.at(factors, I64(row)))

    def sum_of(self, a, b, c, d):
        """a b + c d."""
        return self.add(self.multiply(a, b), self.multiply(c, d))

    def loop(self, count, body):
        """body(index) for index < count, which is at least 1."""
        builder = self.builder
        before, again, after = builder.block, *(builder.append_basic_block(n) for n in ("order", "ordered"))
        builder.branch(again)
        builder.position_at_end(again)
        index = builder.phi(I64)
        body(index)
        following = builder.add(index, I64(1))
        index.add_incoming(I64(0), before)
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, count), again, after)
        builder.position_at_end(after)

    def sums(self, count, start, body):
        """`start` plus body(index), vectors each, for 1 ≤ index < count."""
        builder = self.builder
        before, test, again, after = (
            builder.block,
            *(builder.append_basic_block(n) for n in ("more", "sum", "all")),
        )
        builder.branch(test)
        builder.position_at_end(test)
        index, totals = builder.phi(I64), [builder.phi(self.vector) for _ in start]
        builder.cbranch(builder.icmp_signed("<", index, count), again, after)
        builder.position_at_end(again)
        made = [self.add(total, part) for total, part in zip(totals, body(index), strict=True)]
        following = builder.add(index, I64(1))
        builder.branch(test)
        for phi, first, then in ((index, I64(1), following), *zip(totals, start, made, strict=True)):
            phi.add_incoming(first, before)
            phi.add_incoming(then, builder.block)
        builder.position_at_end(after)
        return totals


@intrinsic
def copy_rows(context, like, source, target, count):
    """Copies `count` rows (a literal or not, at least 1) between addresses."""
    real = like

    def generate(cg, builder, signature, arguments):
        _, source, target, count = arguments
        block = Atoms(builder, cg.get_value_type(real), WIDTH[real], real.bitwidth // 8)
        block.loop(
            count, lambda index: block.store(block.at(target, index), block.load(block.at(source, index)))
        )
        return cg.get_dummy_value()

    return types.void(real, types.int64, types.int64, types.int64), generate


class _RealTurn:
    """States p, q, z: s = p + q, d = A s + B z, p ← E₂ p + d, q ← E₂ q + d, z ← C z + D s."""

    parts = 1

    def __init__(self, block: Atoms, factors):
        half = block.constant(-0.5)
        self.block, self.factors = block, factors
        self.e1, self.e2, self.sine, versine = (block.factor(factors, n) for n in (E1, E2, SINE, VERSINE))
        self.half = block.multiply(half, versine)
        self.a, self.b = block.multiply(self.e2, self.half), block.multiply(self.e2, self.sine)
        self.c = block.multiply(self.e1, block.subtract(block.constant(1), versine))
        self.d = block.multiply(self.e1, block.multiply(half, self.sine))

    def apply(self, states):
        """After the pulse and the relaxation."""
        block, (p, q, z) = self.block, states
        s = block.add(p, q)
        d = block.sum_of(self.a, s, self.b, z)
        moved = (block.add(block.multiply(self.e2, value), d) for value in (p, q))
        return [*moved, block.sum_of(self.c, z, self.d, s)]

    def echo(self, states):
        """p₀ after the pulse, decayed to the echo."""
        block, (p, q, z) = self.block, states
        d = block.sum_of(self.half, block.add(p, q), self.sine, z)
        return [block.multiply(block.factor(self.factors, ECHO), block.add(p, d))]

    def passed(self, q):
        """F₊ of order 0 from F₋ of order 1."""
        return q


class _ComplexTurn:
    """States P, Q, Z with their imaginary parts behind the real ones."""

    parts = 2

    def __init__(self, block: Atoms, factors):
        half = block.constant(-0.5)
        self.block, self.factors = block, factors
        e1, self.sine, versine = (block.factor(factors, n) for n in (E1, SINE, VERSINE))
        self.half = block.multiply(half, versine)
        self.c = block.multiply(e1, block.subtract(block.constant(1), versine))
        self.d = block.multiply(e1, block.multiply(half, self.sine))
        self.w, self.v = (block.factor(factors, n) for n in (COSINE_W, SINE_W))

    def _pulsed(self, states):
        """P after the pulse, and what the others need: 2y, and d."""
        block, (pr, pi, qr, qi, zr, zi) = self.block, states
        u, v = block.subtract(pi, qi), block.subtract(qr, pr)
        real = block.sum_of(self.half, u, self.sine, zr)
        imaginary = block.sum_of(self.half, v, self.sine, zi)
        return (block.subtract(pr, imaginary), block.add(pi, real)), (u, v), (real, imaginary)

    def apply(self, states):
        """After the pulse, the relaxation and the turn to the next pulse's frame."""
        block, (_, _, qr, qi, zr, zi) = self.block, states
        (pr, pi), (u, v), (real, imaginary) = self._pulsed(states)
        qr, qi = block.add(qr, imaginary), block.subtract(qi, real)
        return [
            block.subtract(block.multiply(self.w, pr), block.multiply(self.v, pi)),
            block.sum_of(self.w, pi, self.v, pr),
            block.sum_of(self.w, qr, self.v, qi),
            block.subtract(block.multiply(self.w, qi), block.multiply(self.v, qr)),
            block.sum_of(self.c, zr, self.d, u),
            block.sum_of(self.c, zi, self.d, v),
        ]

    def echo(self, states):
        """P₀ after the pulse, decayed and turned to the echo."""
        block = self.block
        (pr, pi), _, _ = self._pulsed(states)
        c, s = (block.factor(self.factors, row) for row in (COSINE_ECHO, SINE_ECHO))
        return [
            block.subtract(block.multiply(c, pr), block.multiply(s, pi)),
            block.sum_of(c, pi, s, pr),
        ]

    def passed(self, qr, qi):
        """F₊ of order 0 from F₋* of order 1."""
        return qr, self.block.subtract(self.block.constant(0), qi)


def _plus(block: Atoms, values, factor, others):
    return [block.add(a, block.multiply(factor, b)) for a, b in zip(values, others, strict=True)]


def _step(block: Atoms, turn, factors, sets, moves, out, count) -> None:
    """Echo, all orders, recovery and winding, for the states and their derivatives in T1 and T2 (`sets`).

    `moves`: bytes from where P, Q and Z are to where their orders go; zeros for in place.
    """
    parts, across = turn.parts, 2 * turn.parts
    d1, d2, echo_d2 = (block.factor(factors, row) for row in (D1, D2, ECHO_D2))
    echoes = [turn.echo([block.load(place) for place in group]) for group in sets]
    if len(sets) > 1:
        echoes[2] = _plus(block, echoes[2], echo_d2, echoes[0])
    for index, value in enumerate(value for echo in echoes for value in echo):
        block.store(block.at(out, I64(index)), value)

    def moved(group):
        return [block.builder.add(a, moves[n // parts]) for n, a in enumerate(group)]

    def one(index):
        places = [[block.at(address, index) for address in group] for group in sets]
        made = [turn.apply([block.load(place) for place in group]) for group in places]
        if len(sets) > 1:
            made[1] = made[1][:across] + _plus(block, made[1][across:], d1, made[0][across:])
            made[2] = _plus(block, made[2][:across], d2, made[0][:across]) + made[2][across:]
        for group, values in zip(places, made, strict=True):
            for place, value in zip(moved(group), values, strict=True):
                block.store(place, value)

    block.loop(count, one)
    sets = [moved(group) for group in sets]
    e1 = block.factor(factors, E1)
    for number, group in enumerate(sets[:2]):
        z = group[across]
        gain = block.multiply(e1, d1) if number else block.subtract(e1, block.constant(1))
        block.store(z, block.subtract(block.load(z), gain))
    for group in sets:
        first = turn.passed(*(block.load(block.at(q, I64(1))) for q in group[parts:across]))
        for place, value in zip(group[:parts], first if parts == 2 else [first], strict=True):
            block.store(block.at(place, I64(-1)), value)


def _repetition(kind, tangents: bool):
    """An intrinsic that plays one repetition for a vector of atoms.

    `p`, `q`, `z`: addresses of order 0, and `to_p` and so on how many bytes further they go. `part` and `derivative`: bytes
    from real to imaginary parts, and from states to their derivatives. `factors`: rows as named above. `out`: takes the
    echo, real part first, then its derivatives.
    """

    @intrinsic
    def repetition(context, like, p, q, z, to_p, to_q, to_z, part, derivative, factors, count, out):
        real = like
        signature = types.void(real, *(types.int64,) * 11)

        def generate(cg, builder, signature, arguments):
            _, p, q, z, *moves, part, derivative, factors, count, out = arguments
            block = Atoms(builder, cg.get_value_type(real), WIDTH[real], real.bitwidth // 8)
            plain = [builder.add(a, builder.mul(part, I64(n))) for a in (p, q, z) for n in range(kind.parts)]
            sets = [
                [builder.add(a, builder.mul(derivative, I64(n))) for a in plain]
                for n in range(3 if tangents else 1)
            ]
            _step(block, kind(block, factors), factors, sets, moves, out, count)
            return cg.get_dummy_value()

        return signature, generate

    return repetition


play_real, play_real_with_tangents = (_repetition(_RealTurn, tangents) for tangents in (False, True))
play_complex, play_complex_with_tangents = (_repetition(_ComplexTurn, tangents) for tangents in (False, True))
