"""Arrays and safetensors files in plain Python: enough for small cases, on machines without numpy."""

import array
import json
import struct

FORMATS = {"F32": "f", "F64": "d", "I32": "i", "I64": "q", "U8": "B", "BOOL": "B"}


class Tensor:
    """Row-major numbers with a shape. `values` is a flat list."""

    def __init__(self, values, shape, dtype="F32"):
        self.values, self.shape, self.dtype = list(values), list(shape), dtype

    def is_whole(self):
        return self.dtype not in ("F32", "F64")

    def _stride(self):
        stride = 1
        for length in self.shape[1:]:
            stride *= length
        return stride

    def __getitem__(self, index):
        """The index-th part along the first axis."""
        stride = self._stride()
        index %= self.shape[0]
        return Tensor(self.values[index * stride:(index + 1) * stride], self.shape[1:], self.dtype)

    def __len__(self):
        return self.shape[0]

    def parts(self):
        return [self[index] for index in range(len(self))]

    def rows(self, begin, end):
        """A range along the first axis."""
        stride = self._stride()
        begin, end = max(begin, 0), min(end, self.shape[0])
        return Tensor(self.values[begin * stride:end * stride], [end - begin] + self.shape[1:], self.dtype)

    def reshape(self, *shape):
        return Tensor(self.values, shape, self.dtype)

    def transpose(self):
        """Swaps the two axes of a matrix."""
        rows, cols = self.shape
        return Tensor([self.values[row * cols + col] for col in range(cols) for row in range(rows)], [cols, rows], self.dtype)

    def columns(self, begin, end):
        """Columns of a matrix."""
        rows, cols = self.shape
        return Tensor([x for row in range(rows) for x in self.values[row * cols + begin:row * cols + end]],
                      [rows, end - begin], self.dtype)

    def padded(self, length, value=0):
        """Filled up along the first axis."""
        missing = length - self.shape[0]
        return Tensor(self.values + [value] * (missing * self._stride()), [length] + self.shape[1:], self.dtype)

    def padded_columns(self, width, value=0):
        """A matrix filled up along the rows."""
        return self.transpose().padded(width, value).transpose()

    def as_type(self, dtype):
        convert = float if dtype == "F32" else int
        return Tensor([convert(x) for x in self.values], self.shape, dtype)


def stack(tensors):
    """Tensors of one shape as one with a further axis in front."""
    return Tensor([x for tensor in tensors for x in tensor.values], [len(tensors)] + tensors[0].shape, tensors[0].dtype)


def heads(tensor, count):
    """[T, H*D] to [H, T, D]."""
    width = tensor.shape[1] // count
    return stack([tensor.columns(head * width, (head + 1) * width) for head in range(count)])


def read(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        values = array.array(FORMATS[entry["dtype"]])
        values.frombytes(data[entry["data_offsets"][0]:entry["data_offsets"][1]])
        tensors[name] = Tensor(values, entry["shape"], entry["dtype"])
    return tensors


def write(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        content = array.array(FORMATS[tensor.dtype], tensor.values).tobytes()
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
