"""Event files as TensorBoard's own reader sees them.

    read_events.py FOLDER    prints as JSON what it finds in the folder
    read_events.py --golden  prints the two records that test/runs/tensorboard.test.ts compares with, in hexadecimal
"""
import io
import json
import sys


def golden():
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    events = [
        Event(wall_time=1, file_version="brain.Event:2"),
        Event(wall_time=1, step=300, summary=Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])),
    ]
    for event in events:
        file = io.BytesIO()
        RecordWriter(file).write(event.SerializeToString())
        print(file.getvalue().hex())


def found(folder):
    import tensorboard
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0})
    reader.Reload()
    tags = reader.Tags()
    scalars = {tag: [[one.step, one.value] for one in reader.Scalars(tag)] for tag in tags["scalars"]}
    images = {
        tag: [[one.step, one.width, one.height, one.encoded_image_string.hex()] for one in reader.Images(tag)]
        for tag in tags["images"]
    }
    print(json.dumps({"version": tensorboard.__version__, "scalars": scalars, "images": images}))


if sys.argv[1] == "--golden":
    golden()
else:
    found(sys.argv[1])
