"""Small Pulseq files by hand, whose every number can be checked."""

RASTERS = """\
[DEFINITIONS]
GradientRasterTime 1e-05
RadiofrequencyRasterTime 1e-06
AdcRasterTime 1e-07
BlockDurationRaster 1e-05
"""

# A pulse of two samples, a trapezoid, a shaped gradient that an extended trapezoid brings down, a read-out.
CURRENT = f"""\
# Pulseq sequence file
[VERSION]
major 1
minor 5
revision 1

{RASTERS}FOV 0.22 0.2 0.005
Name by hand

[BLOCKS]
1 20 1 0 0 0 0 0
2 10 0 2 3 0 0 0
3 12 0 0 4 0 1 1

[RF]
1 250 1 2 0 1.5 100 -3.45 0.01 40 0.5 r

[GRADIENTS]
3 8000 0 8000 3 0 60
4 -8000 8000 0 4 5 0

[TRAP]
2 -42577.478518 20 50 30 0

[ADC]
1 4 20000 10 0.1 0.2 -30 0.7 6

[EXTENSIONS]
1 4 1 2
2 5 1 3
3 4 2 0

extension LABELINC 5
1 1 LIN

extension LABELSET 4
1 3 SLC
2 1 NAV

[SHAPES]

shape_id 1
num_samples 2
0.5
1

shape_id 2
num_samples 2
0
0.25

shape_id 3
num_samples 4
0.125
0.25
0.25
0

shape_id 4
num_samples 3
-1
-0.25
0

shape_id 5
num_samples 3
0
5
12

shape_id 6
num_samples 4
0
1
4
9
"""

OLD_SHAPES = """\
[SHAPES]

Shape_ID 1
Num_Uncompressed 100
1
0
0
97

Shape_ID 2
Num_Uncompressed 100
0
0
98

Shape_ID 3
Num_Uncompressed 4
0.125
0.25
0.25
1
"""

# Revision 1.2: no extensions in blocks, delays as events, no time shapes, everything compressed.
V1_2 = f"""\
[VERSION]
major 1
minor 2
revision 1

[DEFINITIONS]
Scan_ID 237
TE 5

[BLOCKS]
1 0 1 0 0 2 0
2 1 0 1 0 0 0
3 2 0 0 3 0 1
4 1 0 0 0 0 0

[RF]
1 2500 1 2 100 12.5 0.25

[GRADIENTS]
3 40000 3 20

[TRAP]
1 25000 30 940 30 0
2 -20000 10 280 10 50

[ADC]
1 16 5000 40 -7 0.5

[DELAYS]
1 5000
2 30

{OLD_SHAPES}"""

# Revision 1.3: a column for extensions.
V1_3 = (
    V1_2.replace("minor 2", "minor 3")
    .replace("1 0 1 0 0 2 0\n2 1 0 1 0 0 0\n3 2 0 0 3 0 1\n4 1 0 0 0 0 0", "1 0 1 0 0 2 0 1\n2 1 0 1 0 0 0 0")
    .replace(
        "[DELAYS]",
        "[EXTENSIONS]\n1 1 2 2\n2 2 1 0\n\nextension TRIGGERS 1\n2 1 3 500 100\n\nextension LABELSET 2\n1 4 ECO\n\n[DELAYS]",
    )
)

# Revision 1.4: durations, rasters, time shapes; neither the edges of gradients nor the centres of pulses.
V1_4 = f"""\
[VERSION]
major 1
minor 4
revision 1

{RASTERS}
[BLOCKS]
1 20 1 0 0 0 0 0
2 10 0 3 0 0 0 0
3 12 0 4 3 0 1 0
4 10 0 0 0 0 0 0
5 10 0 3 0 0 0 0

[RF]
1 250 1 2 5 100 40 0.5

[GRADIENTS]
3 8000 3 0 60
4 9000 4 6 0

[ADC]
1 4 20000 10 -30 0.7

[SHAPES]

shape_id 1
num_samples 4
0.5
1
1
0

shape_id 2
num_samples 4
0
0
0
0

shape_id 3
num_samples 4
0.125
0.25
0.5
1

shape_id 4
num_samples 3
1
0.25
0

shape_id 5
num_samples 4
0
1
2
3.5

shape_id 6
num_samples 3
0
5
12
"""
