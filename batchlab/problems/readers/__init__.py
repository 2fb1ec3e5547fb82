"""What people have, made into a problem: arrays, tables, files, streams."""
