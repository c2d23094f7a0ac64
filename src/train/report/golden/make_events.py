"""Writes events.bin, an event file by TensorBoard's own writer and messages, for tensorboard_test.cpp.

    pip install tensorboard==2.21.0 && python make_events.py
"""

import io
import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

Event, Summary = event_pb2.Event, summary_pb2.Summary
shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
text = Summary.Value(
    tag="sample",
    metadata=summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text")),
    tensor=tensor_pb2.TensorProto(dtype=7, tensor_shape=shape, string_val=["Once upon a naïve time".encode()]),
)
scalars = [("loss_nats", 5.54), ("learning_rate", 3e-4), ("gradient_norm", float("inf")), ("tokens_per_s", 0.0)]
events = [
    Event(wall_time=1700000000.25, file_version="brain.Event:2"),
    Event(
        wall_time=1700000001.5,
        step=301,
        session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START),
    ),
    Event(
        wall_time=1700000002.0,
        step=1,
        summary=Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in scalars]),
    ),
    Event(wall_time=1700000003.0, step=2**40, summary=Summary(value=[text])),
]
out = io.BytesIO()
writer = RecordWriter(out)
for event in events:
    writer.write(event.SerializeToString(deterministic=True))
pathlib.Path(__file__).with_name("events.bin").write_bytes(out.getvalue())
