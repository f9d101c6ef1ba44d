SUFFIX = ".counts.txt"
