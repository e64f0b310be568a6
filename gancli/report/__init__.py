"""Reports for people to look at: charts of a run."""
