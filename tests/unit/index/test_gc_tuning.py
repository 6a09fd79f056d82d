"""The collector of cycles looks seldom while somebody indexes, and as before afterwards, however that ended."""

import gc
import threading

import pytest

from eventstore.index.indexer.gc_tuning import relaxed_gc
from eventstore.index.processes.reading import NEW_OBJECTS


def test_it_looks_seldom_until_the_last_one_is_done() -> None:
    before = gc.get_threshold()
    with relaxed_gc():
        inside, done = threading.Event(), threading.Event()

        def another() -> None:
            with relaxed_gc():
                inside.set()
                assert done.wait(10)

        thread = threading.Thread(target=another)
        thread.start()
        assert inside.wait(10)
    assert gc.get_threshold() == (NEW_OBJECTS, *before[1:])
    done.set()
    thread.join()
    assert gc.get_threshold() == before


def test_an_error_leaves_it_as_it_was() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="on the way"), relaxed_gc():
        raise ValueError("on the way")
    assert gc.get_threshold() == before
