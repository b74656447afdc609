"""PyTorch programs have the face of ONNX models; without PyTorch the door says how to have it."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.errors import ModelError
from modules.models.digest import file_digest
from modules.models.torch_model import TorchModel, TorchOptions

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch: onbeat[torch]")

X, H = np.linspace(-1, 1, 24, dtype=np.float32).reshape(3, 8), np.zeros((3, 2), np.float32)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same layer saved in three ways."""
    import torch  # noqa: PLC0415 - optional

    folder = tmp_path_factory.mktemp("programs")

    class Layer(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(8, 4)

        def forward(self, x: Any, h: Any) -> Any:  # noqa: ANN401 - tensors
            return torch.tanh(self.linear(x)), h + 1

    layer = Layer().eval()
    given = (torch.from_numpy(X), torch.from_numpy(H))
    batch = {0: torch.export.Dim("batch")}
    torch.export.save(torch.export.export(layer, given, dynamic_shapes={"x": batch, "h": batch}), folder / "e.pt2")
    torch.jit.save(torch.jit.trace(layer, given), str(folder / "s.pt"))
    torch.save(layer.state_dict(), folder / "weights.pt")
    np.save(folder / "expected.npy", layer(*given)[0].detach().numpy())
    return folder


@needs_torch
@pytest.mark.filterwarnings("ignore")  # of TorchScript, which is old
@pytest.mark.parametrize(("name", "kind"), [("e.pt2", "torch-export"), ("s.pt", "torch-script")])
def test_a_program_runs_on_arrays(programs: Path, name: str, kind: str) -> None:
    """And says which it is."""
    model = TorchModel(programs / name)
    outputs = model.run({"x": X, "h": H})
    np.testing.assert_allclose(outputs[0], np.load(programs / "expected.npy"), atol=1e-6)
    np.testing.assert_array_equal(outputs[1], H + 1)
    assert (model.identity.format, model.identity.provider) == (kind, "torch cpu")
    assert model.digest == file_digest(programs / name)
    assert [spec.name for spec in model.inputs] == ["x", "h"]
    assert not hasattr(model, "stop")  # what cannot be broken off does not say that it can


@needs_torch
@pytest.mark.filterwarnings("ignore")
def test_inputs_are_typed_and_what_is_wrong_is_said(programs: Path) -> None:
    """An exported program knows its shapes."""
    model = TorchModel(programs / "e.pt2")
    assert (model.inputs[0].element, model.inputs[0].shape[1]) == ("float32", 8)
    assert model.inputs[0].free_axes == (0,)
    with pytest.raises(ModelError, match="h is missing"):
        model.run({"x": X})
    with pytest.raises(ModelError, match=r"x: float32 .* was given float32 \[3, 3\]"):
        model.run({"x": X[:, :3].copy(), "h": H})


@needs_torch
@pytest.mark.filterwarnings("ignore")
def test_sixteen_bits_differ_a_little_and_come_back_as_floats(programs: Path) -> None:
    """So autocast is in force."""
    (heard, _) = TorchModel(programs / "e.pt2", TorchOptions(autocast=True)).run({"x": X, "h": H})
    error = np.abs(heard - np.load(programs / "expected.npy")).max()
    assert heard.dtype == np.float32
    assert 0 < error < 0.02


@needs_torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("weights.pt", TorchOptions(), "holds weights or a pickled module"),
        ("expected.npy", TorchOptions(), "is no PyTorch program"),
        ("absent.pt", TorchOptions(), "no PyTorch program at"),
        ("e.pt2", TorchOptions(device="nowhere"), "cannot be loaded as a PyTorch program"),
    ],
)
def test_what_cannot_be_loaded_is_said(programs: Path, name: str, options: TorchOptions, said: str) -> None:
    """A pickle is not opened at all."""
    with pytest.raises(ModelError, match=said):
        TorchModel(programs / name, options)


def test_without_torch_it_says_how_to_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file is there and the package is not."""
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "m.pt2").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"pip install 'onbeat\[torch\]'"):
        TorchModel(tmp_path / "m.pt2")


def test_options_are_valid_on_birth() -> None:
    """Records are."""
    with pytest.raises(ValueError, match="threads must be 1 to 256"):
        TorchOptions(threads=0)
    with pytest.raises(ValueError, match="device must be named"):
        TorchOptions(device="")
