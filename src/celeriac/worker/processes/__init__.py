"""The processes of a worker: each module is what one of them does, or how it is started."""
