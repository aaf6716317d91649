"""What stages write as JSON for other stages, read as pydantic models."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from esr.common.errors import EsrError
from esr.common.files import read_json

Model = TypeVar("Model", bound=BaseModel)


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a stage's output.

    Raises:
        EsrError: the file is missing, or holds something else.
    """
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        where = f" (see {place})" if place else ""
        raise EsrError(f"{path} is not what its stage writes now{where}; run that stage again") from error
