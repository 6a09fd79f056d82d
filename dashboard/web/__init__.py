"""What all pages share: access and rendering, error pages, the search box, the filter field, and the state of the store.

Pages import the modules themselves. A view wraps itself with ``pages.page`` and returns ``pages.render`` or ``pages.problem``.
"""
