"""Between the scaler and the Docker Engine: what the scaler needs, about workers of its cluster, and nothing else.

Whoever reaches the Docker socket is root of the machine. So each request is read, checked against what is known, and
written anew: keys and values that are not known, and containers that are not workers of this cluster, do not exist.
"""
