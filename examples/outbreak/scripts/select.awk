# The isolates inside a box, each with its sequences.
#
#   gzip -dc HA.fasta.gz NA.fasta.gz | awk -v box='west south east north' -f select.awk isolates.tsv -
#
# Writes a table: isolate (the accession of its HA), date, HA, NA. An isolate without both of its
# sequences is an error.

BEGIN {
    FS = OFS = "\t"
    split(box, edge, " ")
}

FNR == NR {
    if (FNR > 1 && $5 >= edge[1] && $4 >= edge[2] && $5 <= edge[3] && $4 <= edge[4]) {
        isolate[++count] = $1
        na[$1] = $2
        date[$1] = $3
    }
    next
}

/^>/ { name = substr($0, 2); next }

{ sequence[name] = sequence[name] $0 }

END {
    print "isolate", "date", "HA", "NA"
    for (i = 1; i <= count; i++) {
        ha = isolate[i]
        if (!(ha in sequence) || !(na[ha] in sequence)) {
            print "no sequence for isolate " ha > "/dev/stderr"
            exit 1
        }
        print ha, date[ha], sequence[ha], sequence[na[ha]]
    }
    print count " isolates in the box " box > "/dev/stderr"
}
