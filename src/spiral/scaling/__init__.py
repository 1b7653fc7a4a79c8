"""Beyond one machine, on Ray: actors, learners, populations (SPIRAL section 3.4 and appendix C)."""
