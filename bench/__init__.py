"""`make bench`: Celeriac beside other task queues, in one run on one machine."""
