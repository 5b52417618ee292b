module xmap

go 1.24
