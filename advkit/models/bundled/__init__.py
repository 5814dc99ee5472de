"""Weights that come with the wheel: made by `advkit train`, see ``benchmarks/bundled_weights.py``.

``fashion-mnist-cnn-robust``: two-convolution net, adversarially trained, Linf 0.1 (the net of the
default audit). ``fashion-mnist-cnn``: the same net, standard training. ``fashion-mnist-logistic``:
multinomial logistic regression. ``digits-cnn``: a two-convolution net for scikit-learn's digits.
Each header tells how it was trained. The weights were fitted to Fashion-MNIST (Zalando SE, MIT
licence) and to the digits of the UCI repository; the weights themselves are under advkit's licence.
"""
