"""The account service as the hotline sees it: the contract, the client, and a reference service beside them."""
