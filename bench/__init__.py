"""`make bench`: Parley beside the peer that its README names, same machine, same run. See bench/README.md."""
