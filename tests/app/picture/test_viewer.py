"""The viewer's JSON holds the bytes and the decisions exactly, and no text at all."""

import base64
import json

import numpy as np

from app.picture.viewer import Group, SegmentViewer, Track, viewer_value


def track(prob, is_boundary, **lead):
    lead = {"lead_start": 0, "lead_prob": 1.0, "lead_index": 0, "tail_end": len(prob)} | lead
    return Track(prob=np.array(prob, np.float32), is_boundary=np.array(is_boundary), **lead)


def test_bytes_and_tracks_survive_the_trip():
    data = b"<script>\x00\xed\xa0\x80"
    prob = [1.0, 0.25, 0.50001, 0.0, 0.75, 0.1, 0.2, 0.3, 0.9, 0.4, 0.5, 0.6]
    cuts = [value > 0.5 for value in prob]
    value = json.loads(json.dumps(viewer_value(data, [Group("A", "m", (track(prob, cuts),))])))
    assert base64.b64decode(value["bytes"]) == data
    stage = value["groups"][0]["stages"][0]
    read = np.frombuffer(base64.b64decode(stage["prob"]), "<u2") / 65535
    assert np.abs(read - prob).max() < 1e-5
    bits = np.unpackbits(np.frombuffer(base64.b64decode(stage["bits"]), np.uint8))[: len(cuts)]
    assert bits.astype(bool).tolist() == cuts


def test_user_text_is_never_plain_in_the_value():
    value = viewer_value(b"${alert(1)} {{x}} <img onerror>", [Group("A", "m", (track([1.0], [True]),))])
    assert "alert" not in json.dumps(value) and "<img" not in json.dumps(value)


def test_template_is_constant():
    viewer = SegmentViewer({"hint": "x"})
    assert viewer.html_template == "<div></div>" and viewer.css_template == ""
    assert viewer.head.count("<script>") == viewer.head.count("</script>") == 1
    assert "innerHTML" not in viewer.head
