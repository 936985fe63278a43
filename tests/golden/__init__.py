"""Files of every released format version, which every later library has to open."""
