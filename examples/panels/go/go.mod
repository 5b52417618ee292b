module panel

go 1.24

require xmap v0.0.0

replace xmap => ../../../guests/go
