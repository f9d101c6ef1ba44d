def read_table(path):
    with open(path) as table:
        return [line.split(",")[0] for line in table.read().splitlines()[1:]]
