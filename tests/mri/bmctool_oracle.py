"""BMCTool, an independent solver of the Bloch-McConnell equations, asked for the water that saturation leaves."""

import numpy as np
import pypulseq
from bmctool.parameters import Parameters
from bmctool.simulation.BMCSim import BMCSim

from tests.mri.mcconnell import PPM

SYSTEM = pypulseq.Opts(rf_ringdown_time=0, rf_dead_time=0, rf_raster_time=1e-6, block_duration_raster=1e-6)


def water_left(saturation, offsets, water, field: float = 3.0, ppm: float = PPM, **pools) -> np.ndarray:
    """Mz of water after saturation at each offset in ppm, from equilibrium: events of pypulseq from an offset in Hz."""
    sequence = pypulseq.Sequence(system=SYSTEM)
    for offset in offsets:
        for event in saturation(offset * ppm * field):
            sequence.add_block(event)
        sequence.add_block(pypulseq.make_adc(num_samples=1, duration=1e-3))
    sequence.set_definition("offsets_ppm", list(offsets))
    scanner = {"b0": field, "gamma": 2 * np.pi * ppm, "b0_inhom": 0.0, "rel_b1": 1.0}
    options = {"verbose": False, "reset_init_mag": True, "max_pulse_samples": 10**6}
    parameters = Parameters.from_dict({"water_pool": water, **pools, **scanner, **options})
    simulation = BMCSim(parameters, sequence, verbose=False)
    simulation.run()
    return simulation.get_zspec(return_abs=False)[1]


def rectangle(amplitude: float, duration: float):
    """A rectangular pulse of `amplitude` Hz."""

    def events(offset):
        flip = 2 * np.pi * amplitude * duration
        return [pypulseq.make_block_pulse(flip, duration=duration, freq_offset=offset, system=SYSTEM)]

    return events
