"""An event loop for a machine without sockets, threads or signals: timers and callbacks on the sandbox's virtual clock.
Waiting for an event that no timer brings can never end, and ends the program as a sleep beyond its budget does."""
import asyncio
import time


class _Clock:
    """In the place of a selector: nothing but time ever becomes ready."""

    def select(self, timeout=None):
        if timeout is None:
            timeout = 1e9  # beyond every budget: a deadlock
        if timeout > 0:
            time.sleep(timeout)
        return ()

    def close(self):
        pass


class VirtualEventLoop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = _Clock()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass

    def add_signal_handler(self, sig, callback, *args):
        raise NotImplementedError("there are no signals in the sandbox")

    def remove_signal_handler(self, sig):
        return False


class VirtualEventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    _loop_factory = VirtualEventLoop


def install():
    asyncio.set_event_loop_policy(VirtualEventLoopPolicy())
    asyncio.SelectorEventLoop = asyncio.EventLoop = VirtualEventLoop
