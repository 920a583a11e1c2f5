"""Models and routes: homes, prices, plans."""
