"""Which batch size to use on data of one's own: search, weighing, verdict, figure."""
