"""What a labelled sample says: the one stop rule, the verdict, why each token is (not) trained, worked examples."""
