"""Every recorded answer of a real PVE 9.2 in data/ against the double's own."""

from pathlib import Path

import pytest
import replay
import world

FILES = sorted((Path(__file__).parent / 'data').glob('*.jsonl'))


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.stem)
def test_the_double_answers_as_the_recording_does(file, process):
    start, *records = replay.load(file)
    process.reset(world.seed(**start))
    play = replay.Replay(process, world.headers(process))
    differences = [(record['name'], found) for record in records for found in play.play(record)]
    assert records
    assert not differences, '\n'.join('{0}: {1}'.format(name, found) for name, found in differences)
