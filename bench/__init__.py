"""`make bench`: measures Parley and two peers on the same machine, in the same run. See bench/README.md."""
