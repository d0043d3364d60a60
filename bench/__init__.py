"""`make bench`: measures Parley and the peer on the same machine, in the same run. See bench/README.md."""
