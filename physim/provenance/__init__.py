"""What made this file: a record per case, hashes that prove it, and the check that nothing changed since."""

from .dataset import (
    DATASET as DATASET,
)
from .dataset import (
    make_dataset as make_dataset,
)
from .dataset import (
    read_dataset as read_dataset,
)
from .documents import canonical as canonical
from .documents import flatten as flatten
from .documents import text as text
from .environment import describe_environment as describe_environment
from .environment import differences as differences
from .record import (
    RECORD as RECORD,
)
from .record import (
    hash_files as hash_files,
)
from .record import (
    make_record as make_record,
)
from .record import (
    read_record as read_record,
)
from .verify import verify as verify
