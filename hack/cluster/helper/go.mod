// The small static tool of the tier `pods`; the standard library is all that it needs.
module github.com/zentoria/zentoria-operator/hack/cluster/helper

go 1.26.0
