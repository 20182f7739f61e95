"""Projectors: line integrals and their exact transposes, for every geometry, under two models."""

from .models import DistanceDriven as DistanceDriven
from .models import Joseph as Joseph
from .models import Model as Model
from .project import backproject as backproject
from .project import project as project
from .sharded import backproject_sharded as backproject_sharded
from .sharded import project_sharded as project_sharded
