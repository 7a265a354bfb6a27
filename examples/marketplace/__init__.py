"""A marketplace as a service: the library embedded, spoken to by the marketplace's own client.

No rule lives here. A request becomes a command (:mod:`~examples.marketplace.reading`), the library
decides it, the events are stored (:mod:`~examples.marketplace.store`), and what the state then is
becomes rows (:mod:`~examples.marketplace.rows`); :mod:`~examples.marketplace.app` says which
request is which.
"""
