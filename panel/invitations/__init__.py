"""The outbox: letters, links, dispatch, what may be sent to whom and when."""
