"""The routes of log-in and second factor, under the names by which allauth asks for them. No sign-up, no e-mail."""

from django.contrib.auth.decorators import login_required
from django.urls import path

from panel.desk import accounts, oidc

urlpatterns = [
    path("login/", accounts.LogIn.as_view(), name="account_login"),
    path("logout/", accounts.LogOut.as_view(), name="account_logout"),
    path("login/second/", accounts.Second.as_view(), name="mfa_authenticate"),
    path("login/set/<uidb64>/<token>/", accounts.SetPassword.as_view(), name="account_password_link"),
    path("login/oidc/<slug:provider_id>/", oidc.begin, name="openid_connect_login"),
    path("login/oidc/<slug:provider_id>/callback/", oidc.callback, name="openid_connect_callback"),
    path(
        "account/password/", login_required(accounts.ChangePassword.as_view()), name="account_change_password"
    ),
    path(
        "account/confirm/", login_required(accounts.ConfirmPassword.as_view()), name="account_reauthenticate"
    ),
    path("account/confirm/code/", accounts.ConfirmCode.as_view(), name="mfa_reauthenticate"),
    path("account/confirm/key/", accounts.ConfirmKey.as_view(), name="mfa_reauthenticate_webauthn"),
    path("account/second/", accounts.Factors.as_view(), name="mfa_index"),
    path("account/second/app/", login_required(accounts.AddApp.as_view()), name="mfa_activate_totp"),
    path("account/second/app/remove/", accounts.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("account/second/key/", login_required(accounts.AddKey.as_view()), name="mfa_add_webauthn"),
    path(
        "account/second/key/<int:pk>/remove/",
        login_required(accounts.RemoveKey.as_view()),
        name="mfa_remove_webauthn",
    ),
    path("account/second/codes/", accounts.Codes.as_view(), name="mfa_view_recovery_codes"),
    path(
        "account/second/codes/new/",
        login_required(accounts.NewCodes.as_view()),
        name="mfa_generate_recovery_codes",
    ),
]
