"""The page that answers a request for erasure of one aggregate, its file, and forgetting the searchable values."""
