module certparse

go 1.22
