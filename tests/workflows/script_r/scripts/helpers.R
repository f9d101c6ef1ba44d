total <- function(reads) paste("total:", sum(reads))
