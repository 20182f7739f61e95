"""What made this file: a record per case, hashes that prove it, and the check that nothing changed since."""

from .dataset import (
    DATASET as DATASET,
    make_dataset as make_dataset,
    read_dataset as read_dataset,
)
from .documents import canonical as canonical, flatten as flatten, text as text
from .environment import describe_environment as describe_environment, differences as differences
from .record import (
    RECORD as RECORD,
    hash_files as hash_files,
    make_record as make_record,
    read_record as read_record,
)
from .verify import verify as verify
