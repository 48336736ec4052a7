"""The flows as charts: what is in them is read once, and written as Mermaid, as DOT for Graphviz, or as SVG."""
