"""The tail's websocket.

A client begins by saying what to watch (``begin``). The socket (``consumer``) opens a subscriber for it (``opening``), and the
``sender`` sends its frames (``frames``, ``frame_parts``): as often as ``pace`` allows, as many as ``window`` has room for.
"""
