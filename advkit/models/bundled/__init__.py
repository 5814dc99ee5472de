"""Weights that come with the wheel: made by `advkit train`, see ``benchmarks/bundled_weights.py``.

``fashion-mnist-cnn-robust``: two-convolution net, adversarially trained, Linf 0.1 (the net of the
default audit). ``fashion-mnist-cnn``: the same net, standard training. ``fashion-mnist-logistic``:
multinomial logistic regression. ``digits-cnn``: a two-convolution net for scikit-learn's digits.
``spoken-digits-cnn``, ``spoken-digits-small``, ``spoken-digits-linear``: recognisers of spoken
digits on the log-mel spectrogram, trained on what ``benchmarks/spoken_digits.py --takes 4`` writes;
``spoken-strings.ctc`` (safetensors too): one of strings, by ``benchmarks/sequence_training.py``.
Each header tells how it was trained. The weights were fitted to Fashion-MNIST (Zalando SE, MIT
licence) and to the digits of the UCI repository; the weights themselves are under advkit's licence.
"""
