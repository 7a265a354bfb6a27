"""The marketplace's search: the client's query language and the API's filter objects."""
