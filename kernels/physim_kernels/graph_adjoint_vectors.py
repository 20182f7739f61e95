"""The transpose of one repetition of a fingerprinting train, and what it gives to the flip angle, in machine code (LLVM).

In the words of `graph_vectors`, for the states before a pulse and the sensitivities (barred) of those after its repetition:

    P̄ ← W* P̄ + echo at order 0,  Q̄ ← W Q̄,  Z̄ ← E₁ Z̄,  d̄ = (P̄ − Q̄)/i
    P̄ ← P̄ + i ū,  Q̄ ← Q̄ − i ū,  ū = (cos α − 1)/2 d̄ − sin α/2 Z̄,  Z̄ ← sin α d̄ + cos α Z̄

and the derivative in α is Σ d̄·(cos α Z − sin α y) − Z̄·(sin α Z + cos α y) over orders.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
from numba import types
from numba.extending import intrinsic

from .graph_vectors import COSINE_ECHO, COSINE_W, E1, E2, ECHO, SINE, SINE_ECHO, SINE_W, VERSINE, Atoms
from .vectors import I64, WIDTH


class _Back:
    """Factors of one repetition, and what real and complex states share."""

    def __init__(self, block: Atoms, factors):
        self.block = block
        self.e1, self.e2, self.sine, versine, self.w, self.v = (
            block.factor(factors, row) for row in (E1, E2, SINE, VERSINE, COSINE_W, SINE_W)
        )
        half = block.constant(-0.5)
        self.half, self.half_sine = block.multiply(half, versine), block.multiply(half, self.sine)
        self.cosine = block.subtract(block.constant(1), versine)

    def through(self, d, z):
        """ū and Z̄ before the pulse, from d̄ and Z̄ behind it."""
        block = self.block
        return block.sum_of(self.half, d, self.half_sine, z), block.sum_of(self.sine, d, self.cosine, z)

    def to_flip(self, twice_y, z, d, z_bar):
        """What an order gives to the derivative: its parts go with cos α and with −sin α."""
        block, half = self.block, self.block.constant(0.5)
        y = block.multiply(half, twice_y)
        with_cosine = block.subtract(block.multiply(d, z), block.multiply(z_bar, y))
        return with_cosine, block.sum_of(d, y, z_bar, z)


class _RealBack(_Back):
    """P = i p and Q = −i q: P̄ and Q̄ likewise. With s̄ = P̄ + Q̄ and s = p + q, decays are part of the factors."""

    parts = 1

    def __init__(self, block: Atoms, factors):
        super().__init__(block, factors)
        self.from_s, self.from_z = (
            block.multiply(self.half, self.e2),
            block.multiply(self.half_sine, self.e1),
        )
        self.to_s, self.to_z = block.multiply(self.sine, self.e2), block.multiply(self.cosine, self.e1)

    def first(self, states, bars, echo):
        """Of order 0, where the echo is."""
        block, (p_bar, q_bar, z_bar) = self.block, bars
        p_bar = block.add(block.multiply(self.e2, p_bar), echo[0])
        q_bar, z_bar = block.multiply(self.e2, q_bar), block.multiply(self.e1, z_bar)
        d = block.add(p_bar, q_bar)
        given = self._products(states, d, z_bar)
        u, z_bar = self.through(d, z_bar)
        return [block.add(p_bar, u), block.add(q_bar, u), z_bar], given

    def apply(self, states, bars):
        """Sensitivities before the pulse, and products that go to the flip angle."""
        block, (p_bar, q_bar, z_bar) = self.block, bars
        s_bar = block.add(p_bar, q_bar)
        given = self._products(states, s_bar, z_bar)
        u = block.sum_of(self.from_s, s_bar, self.from_z, z_bar)
        p_bar, q_bar = (block.add(block.multiply(self.e2, bar), u) for bar in (p_bar, q_bar))
        return [p_bar, q_bar, block.sum_of(self.to_s, s_bar, self.to_z, z_bar)], given

    def _products(self, states, s_bar, z_bar):
        p, q, z = states
        s = self.block.add(p, q)
        return [self.block.multiply(a, b) for a, b in ((s_bar, z), (z_bar, s), (s_bar, s), (z_bar, z))]

    def given(self, first, sums):
        """The derivative in the flip angle, from the products of order 0 and the sums of those of all others."""
        block, half = self.block, self.block.constant(0.5)
        e = (self.e2, self.e1, self.e2, self.e1)
        a, b, c, d = (
            block.add(n, block.multiply(*m)) for n, m in zip(first, zip(e, sums, strict=True), strict=True)
        )
        with_cosine = block.subtract(a, block.multiply(half, b))
        return block.subtract(
            block.multiply(self.cosine, with_cosine),
            block.multiply(self.sine, block.add(block.multiply(half, c), d)),
        )

    def passed(self, p_bar):
        """What order 0 of F₊ gives back to order 1 of F₋*."""
        return p_bar


class _ComplexBack(_Back):
    """Real parts and imaginary ones."""

    parts = 2

    def first(self, states, bars, echo):
        """Of order 0, where the echo is."""
        return self.apply(states, bars, echo)

    def apply(self, states, bars, echo=()):
        """Sensitivities before the pulse, and what goes to the flip angle."""
        block, w, v = self.block, self.w, self.v
        (pr, pi, qr, qi, zr, zi), (a, b, c, d, e, f) = states, bars
        a, b = block.sum_of(w, a, v, b), block.subtract(block.multiply(w, b), block.multiply(v, a))
        c, d = block.subtract(block.multiply(w, c), block.multiply(v, d)), block.sum_of(w, d, v, c)
        e, f = block.multiply(self.e1, e), block.multiply(self.e1, f)
        if echo:
            a, b = block.add(a, echo[0]), block.add(b, echo[1])
        real, imaginary = block.subtract(b, d), block.subtract(c, a)
        first = self.to_flip(block.subtract(pi, qi), zr, real, e)
        second = self.to_flip(block.subtract(qr, pr), zi, imaginary, f)
        u, e = self.through(real, e)
        t, f = self.through(imaginary, f)
        bars = [
            block.subtract(a, t),
            block.add(b, u),
            block.add(c, t),
            block.subtract(d, u),
            e,
            f,
        ]
        return bars, [block.add(x, y) for x, y in zip(first, second, strict=True)]

    def given(self, first, sums):
        """The derivative in the flip angle."""
        block = self.block
        a, b = (block.add(x, y) for x, y in zip(first, sums, strict=True))
        return block.subtract(block.multiply(self.cosine, a), block.multiply(self.sine, b))

    def passed(self, real, imaginary):
        """What order 0 of F₊ gives back to order 1 of F₋*."""
        return real, self.block.subtract(self.block.constant(0), imaginary)


def _back(kind):
    """An intrinsic that goes back over one repetition for a vector of atoms.

    `p`, `q`, `z`: addresses of the states before the pulse, `p_bar` and so on of the sensitivities of those after its
    repetition as they are wound: sensitivities before the pulse are left one row higher for P and one lower for Q. `part`
    and `part_bar`: bytes from real to imaginary parts. `echo`: address of the sensitivity of the echo, as of P₀ behind the
    pulse. `out`: takes the derivative in the angle.
    """

    @intrinsic
    def back(context, like, p, q, z, p_bar, q_bar, z_bar, part, part_bar, factors, echo, count, out):
        real = like
        signature = types.void(real, *(types.int64,) * 12)

        def generate(cg, builder, signature, arguments):
            _, p, q, z, p_bar, q_bar, z_bar, part, part_bar, factors, echo, count, out = arguments
            block = Atoms(builder, cg.get_value_type(real), WIDTH[real], real.bitwidth // 8)
            turn, parts = kind(block, factors), kind.parts

            def both(addresses, step):
                return [builder.add(a, builder.mul(step, I64(n))) for a in addresses for n in range(parts)]

            states, bars = both((p, q, z), part), both((p_bar, q_bar, z_bar), part_bar)
            _unwind(block, turn, bars)
            bars = [block.at(a, I64((1, -1, 0)[n // parts])) for n, a in enumerate(bars)]
            weights = [block.load(block.at(echo, I64(n))) for n in range(parts)]

            def one(index, apply, *more):
                here = [block.at(a, index) for a in bars]
                values = [block.load(block.at(a, index)) for a in states]
                made, given = apply(values, [block.load(a) for a in here], *more)
                for place, value in zip(here, made, strict=True):
                    block.store(place, value)
                return given

            first = one(I64(0), turn.first, weights)
            zeros = [block.constant(0)] * len(first)
            block.store(
                out, turn.given(first, block.sums(count, zeros, lambda index: one(index, turn.apply)))
            )
            return cg.get_dummy_value()

        return signature, generate

    return back


def _unwind(block: Atoms, turn, bars) -> None:
    """Order 1 of F₋* gets what order 0 of F₊ was made of."""
    parts = turn.parts
    first = [block.load(place) for place in bars[:parts]]
    given = turn.passed(*first)
    for place, value in zip(bars[parts : 2 * parts], given if parts == 2 else [given], strict=True):
        block.store(place, block.add(block.load(place), value))


back_real, back_complex = _back(_RealBack), _back(_ComplexBack)


@intrinsic
def decayed(context, like, parts, echo, factors):
    """Sensitivities of an echo (`parts` rows at an address) become those of P₀ behind the pulse: decayed, and turned back."""
    real = like

    def generate(cg, builder, signature, arguments):
        _, parts, echo, factors = arguments
        block = Atoms(builder, cg.get_value_type(real), WIDTH[real], real.bitwidth // 8)
        with builder.if_else(builder.icmp_signed("==", parts, I64(1))) as (single, both):
            with single:
                block.store(echo, block.multiply(block.load(echo), block.factor(factors, ECHO)))
            with both:
                second = block.at(echo, I64(1))
                c, s = block.factor(factors, COSINE_ECHO), block.factor(factors, SINE_ECHO)
                a, b = block.load(echo), block.load(second)
                block.store(echo, block.sum_of(c, a, s, b))
                block.store(second, block.subtract(block.multiply(c, b), block.multiply(s, a)))
        return cg.get_dummy_value()

    return types.void(real, types.int64, types.int64, types.int64), generate
