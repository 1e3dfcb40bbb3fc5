"""One file a vendor behind the protocol in `base`; each imports its vendor's SDK only when it is made."""
